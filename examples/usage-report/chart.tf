# The scales and texts of the chart, which has a panel for each component that it shows:
# a bar for the share of the limit that is used, in the period that the limit holds for,
# and a bar for each month.

locals {
  # The fullest, and up to a quarter of the panels for components without a limit.
  limited   = [for c in local.components : c if c.limit != null]
  unlimited = [for c in local.components : c if c.limit == null]
  room      = var.panels - min(length(local.unlimited), floor(var.panels / 4))
  shown     = [for i, c in concat(slice(local.limited, 0, min(length(local.limited), local.room)), local.unlimited) : c if i < var.panels]

  # A limit of a longer period says nothing about a single month.
  lines = [for c in local.shown : c.period.months == 1 ? c.allocated : [for amount in c.allocated : 0]]

  # The top of each panel: a round number that is not below any value.
  peaks  = [for i, c in local.shown : max(0.01, concat(c.consumed, local.lines[i])...)]
  powers = [for peak in local.peaks : pow(10, floor(log(peak, 10)))]
  tops   = [for i, peak in local.peaks : concat([for n in [1, 1.5, 2, 3, 4, 5, 6, 8, 10] : n * local.powers[i] if n * local.powers[i] >= peak], [peak])[0]]

  # Labels are in thousands, millions and so on, as the top is.
  thousands = [for top in local.tops : max(0, min(6, floor(log(top, 10) / 3 + 0.0001)))]

  # Width of a month in pixels. The months of a panel have 345 x 80 pixels.
  pitch = 345 / length(local.months)

  # With more than 12 months, every second month has a label; with more than 24, only January.
  label_step = length(local.months) > 24 ? 12 : length(local.months) > 12 ? 2 : 1

  chart = {
    pitch   = local.pitch
    newest  = local.newest
    to_date = local.newest == local.this_month ? "${local.newest} to date" : ""
    axis = [
      for j, month in local.months : {
        x     = local.pitch * (j + 0.5)
        month = formatdate("MMM", "${month}-01T00:00:00Z")
        year  = endswith(month, "-01") ? substr(month, 0, 4) : ""
      } if(tonumber(substr(month, 5, 2)) - 1) % local.label_step == 0
    ]
    panels = [
      for i, c in local.shown : merge(c, {
        class = try(c.limit.usage_percent > 100 ? "over" : c.limit.usage_percent >= 80 ? "nearly" : "consumed", "")
        grid = [
          for n in [0, 0.5, 1] : {
            y     = 80 - 80 * n
            label = format("%.3g%s", n * local.tops[i] / pow(1000, local.thousands[i]), n == 0 ? "" : ["", "k", "M", "G", "T", "P", "E"][local.thousands[i]])
          }
        ]

        # The bar of the limit has 290 pixels for 100 %, and ends at 385.
        used    = try(2.9 * max(0, c.limit.usage_percent), 0)
        elapsed = c.limit == null ? null : provider::waldur::elapsed_percent(local.newest, c.limit.limit_period, local.now)

        # The first month of the limit's current period.
        from = c.period.months == 0 ? 0 : max(0, length(local.months) - 1 - (tonumber(substr(local.newest, 5, 2)) - 1) % c.period.months)

        bars = [
          for j, consumed in c.consumed : {
            class   = c.period.months != 1 || c.percent[j] == null ? "consumed" : c.percent[j] > 100 ? "over" : c.percent[j] >= 80 ? "nearly" : "consumed"
            title   = "${local.report.months[j]}: ${format("%.2f", consumed)}${local.lines[i][j] > 0 ? format(" of %.2f", local.lines[i][j]) : ""}"
            to_date = local.months[j] == local.this_month
            height  = 80 * max(0, consumed) / local.tops[i]
          }
        ]

        # One path for all months, with gaps where nothing is allocated.
        allocated = join(" ", [
          for j, allocated in local.lines[i] : format("%s%.1f,%.1f H%.1f",
            j == 0 ? "M" : local.lines[i][j - 1] > 0 ? "L" : "M",
            local.pitch * j, 80 - 80 * allocated / local.tops[i], local.pitch * (j + 1),
          ) if allocated > 0
        ])
      })
    ]
  }

  svg = templatefile("${path.module}/chart.svg.tftpl", merge(local.report, local.chart))
}
