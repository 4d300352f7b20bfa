# The scales and texts of the chart, which has a panel for each component.

locals {
  # The least and the most that a panel shows, 0 included.
  least = [for c in local.components : min(0, c.consumed...)]
  most  = [for c in local.components : max(0, concat(c.consumed, c.allocated)...)]

  # What lies between two grid lines: 1, 2, 5 or 10 times a power of ten, so that
  # about four of them cover it all.
  heights = [for i, c in local.components : local.most[i] == local.least[i] ? 1 : local.most[i] - local.least[i]]
  powers  = [for height in local.heights : pow(10, floor(log(height / 4, 10)))]
  steps   = [for i, power in local.powers : power * [for n in [1, 2, 5, 10] : n if n == 10 || n * power * 4 >= local.heights[i]][0]]

  # The lowest and the highest grid line, in steps from 0.
  lowest  = [for i, step in local.steps : floor(local.least[i] / step)]
  highest = [for i, step in local.steps : max(1, ceil(local.most[i] / step))]

  # Pixels that a step is high, of 100 for the whole panel.
  pixels = [for i, step in local.steps : 100 / (local.highest[i] - local.lowest[i])]

  # What the labels of the axis are divided by, by the highest of them.
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

  charts = [
    for i, c in local.components : {
      # Markup in names must not become markup of the chart, and XML has no control characters.
      text = {
        for field in ["name", "provider", "unit"] : field => replace(replace(replace(replace(trimspace(c[field]),
          "/[^\\x{20}-\\x{D7FF}\\x{E000}-\\x{FFFD}\\x{10000}-\\x{10FFFF}]/", " "),
          "&", "&amp;"),
          "<", "&lt;"),
        ">", "&gt;")
      }
      lines = [
        for n in range(local.lowest[i], local.highest[i] + 1) : {
          y     = (local.highest[i] - n) * local.pixels[i]
          label = n == 0 ? "0" : "${format("%.4g", n * local.steps[i] / local.prefix[i].size)}${local.prefix[i].sign}"
        }
      ]
      zero = local.highest[i] * local.pixels[i]
      bars = [
        for j, month in local.months : {
          month     = month
          consumed  = c.consumed[j]
          allocated = c.allocated[j]
          over      = c.allocated[j] > 0 && c.consumed[j] > c.allocated[j]
          y         = (local.highest[i] - max(c.consumed[j], 0) / local.steps[i]) * local.pixels[i]
          height    = abs(c.consumed[j]) / local.steps[i] * local.pixels[i]
          line      = (local.highest[i] - c.allocated[j] / local.steps[i]) * local.pixels[i]
        }
      ]
    }
  ]
}
