# The scales and texts of the chart, which has a panel for each component that it shows:
# a bar for the share of the limit that is used, in the period that the limit holds for,
# and a bar for each month.

locals {
  shown = slice(local.components, 0, min(var.panels, length(local.components)))

  # A limit of a longer period says nothing about a single month.
  lines = [for c in local.shown : c.monthly ? c.allocated : [for amount in c.allocated : 0]]

  # The lowest and the highest value in a panel, including 0.
  least = [for c in local.shown : min(0, c.consumed...)]
  most  = [for i, c in local.shown : max(0, concat(c.consumed, local.lines[i])...)]

  # The distance between two grid lines: 1, 2, 5 or 10 times a power of ten, so that
  # about four of them cover all values.
  heights = [for i, most in local.most : most == local.least[i] ? 1 : most - local.least[i]]
  powers  = [for height in local.heights : pow(10, floor(log(height / 4, 10)))]
  steps   = [for i, power in local.powers : power * [for n in [1, 2, 5, 10] : n if n == 10 || n * power * 4 >= local.heights[i]][0]]

  # The lowest and the highest grid line, in steps from 0.
  lowest  = [for i, step in local.steps : floor(local.least[i] / step)]
  highest = [for i, step in local.steps : max(1, ceil(local.most[i] / step))]

  # Height of a step and width of a month in pixels. The bars of a panel have 402 x 100 pixels.
  pixels = [for i, step in local.steps : 100 / (local.highest[i] - local.lowest[i])]
  pitch  = 402 / length(local.months)

  # Divisor of the axis labels and its sign. The highest label decides.
  prefixes = [
    { from = 1e18, size = 1e18, sign = "E" },
    { from = 1e15, size = 1e15, sign = "P" },
    { from = 1e12, size = 1e12, sign = "T" },
    { from = 1e9, size = 1e9, sign = "G" },
    { from = 1e6, size = 1e6, sign = "M" },
    { from = 1e4, size = 1e3, sign = "k" },
    { from = 0, size = 1, sign = "" },
  ]
  prefix = [
    for i, step in local.steps : [for p in local.prefixes : p if max(local.highest[i], -local.lowest[i]) * step >= p.from][0]
  ]

  # A name that is too long for a panel is shortened to this number of wide characters, or to twice
  # as many narrow ones. Most Latin, Greek and Cyrillic letters are narrow.
  width = { offering_name = 22, service_provider_name = 28, component_name = 15, measured_unit = 7 }
  short = [
    for c in local.shown : {
      for field, width in local.width :
      field => regex("^(?:[#%&+<-@MWmw~]|[^ -~\\x{A0}-\\x{52F}]|[ -~\\x{A0}-\\x{52F}]{1,2}){0,${width}}", c.text[field])
    }
  ]

  # With more than 12 months, every second month has a label; with more than 24, only January.
  label_step = length(local.months) > 24 ? 12 : length(local.months) > 12 ? 2 : 1
  axis = [
    for j, month in local.months : {
      x     = local.pitch * (j + 0.5)
      month = formatdate("MMM", "${month}-01T00:00:00Z")
      year  = endswith(month, "-01") || j == 0 && local.label_step == 1 ? substr(month, 0, 4) : ""
    } if(tonumber(substr(month, 5, 2)) - 1) % local.label_step == 0
  ]

  chart = {
    axis    = local.axis
    pitch   = local.pitch
    to_date = local.newest == local.this_month ? "${local.newest} to date" : ""
    panels = [
      for i, c in local.shown : {
        # Markup in names must not become markup of the chart.
        text = {
          for field, text in merge(c.text, {
            for field, short in local.short[i] : "short_${field}" => short == c.text[field] ? short : "${trimspace(short)}…"
          }) : field => replace(replace(replace(text, "&", "&amp;"), "<", "&lt;"), ">", "&gt;")
        }
        limit  = c.limit
        period = c.period
        class  = try(c.limit.usage_percent > 100 ? "over" : c.limit.usage_percent >= 80 ? "nearly" : "consumed", "")
        lines = [
          for n in range(local.lowest[i], local.highest[i] + 1) : {
            y     = (local.highest[i] - n) * local.pixels[i]
            label = n == 0 ? "0" : "${format("%.4g", n * local.steps[i] / local.prefix[i].size)}${local.prefix[i].sign}"
          }
        ]
        zero = local.highest[i] * local.pixels[i]
        bars = [
          for j, consumed in c.consumed : {
            class    = !c.monthly || c.percent[j] == null ? "consumed" : c.percent[j] > 100 ? "over" : c.percent[j] >= 80 ? "nearly" : "consumed"
            to_date  = local.months[j] == local.this_month
            consumed = consumed
            limit    = local.lines[i][j] > 0 ? format(" of %.2f", local.lines[i][j]) : ""
            y        = (local.highest[i] - max(consumed, 0) / local.steps[i]) * local.pixels[i]
            height   = abs(consumed) / local.steps[i] * local.pixels[i]
          }
        ]
        # One path for all months, with gaps where nothing is allocated.
        allocated = join(" ", [
          for j, allocated in local.lines[i] : format("%s%.1f,%.1f H%.1f",
            j == 0 ? "M" : local.lines[i][j - 1] > 0 ? "L" : "M",
            local.pitch * j,
            (local.highest[i] - allocated / local.steps[i]) * local.pixels[i],
            local.pitch * (j + 1),
          ) if allocated > 0
        ])
      }
    ]
  }
}
