# A report of the last twelve months by component, the fullest first: a web page with a
# chart and a table, the chart alone, the table in Markdown, and all rows as CSV.
#
#   terraform apply
#   terraform output -raw html > usage.html
#   terraform output -raw svg > usage.svg
#   terraform output -raw markdown > usage.md
#   terraform output -raw csv > usage.csv
#
# The apply prints only a summary. The report is not secret. Its outputs are marked
# sensitive so that plan and apply do not print them. To print one, use
# "terraform output -raw".
#
# The provider reads WALDUR_API_URL and WALDUR_ACCESS_TOKEN.

terraform {
  required_version = ">= 1.7" # provider functions: Terraform 1.8, OpenTofu 1.7
  required_providers {
    waldur = {
      source = "terraform.local/waldur/waldur"
    }
  }
}

provider "waldur" {}

variable "now" {
  description = "Time to count months from, such as 2026-11-23T12:00:00Z. Default: the time of the plan."
  type        = string
  default     = null
}

variable "number_of_months" {
  description = "Number of months to report, including the current one."
  type        = number
  default     = 12
}

variable "panels" {
  description = "Maximum number of components in the chart: the fullest, and up to a quarter of them without a limit. The table has all."
  type        = number
  default     = 12
}

variable "offering_uuid" {
  description = "Offering to report. Default: all offerings that the token's user may see."
  type        = string
  default     = null
}

locals {
  # timestamp() is known only during apply, and would delay the read until then.
  now        = var.now == null ? plantimestamp() : var.now
  this_month = provider::waldur::billing_period(local.now)

  columns = ["billing_period", "service_provider_uuid", "service_provider_name", "offering_uuid", "offering_name", "component_type", "component_name"]
}

# How full each limit is, in the period that it holds for.
data "waldur_component_usage_monthly" "limits" {
  billing_period = var.now == null ? "latest" : local.this_month
  offering_uuid  = var.offering_uuid
  usage_period   = "limit_period"
  group_by       = local.columns
  order_by       = ["-usage_percent"]
}

locals {
  limits = data.waldur_component_usage_monthly.limits.summaries
  newest = length(local.limits) == 0 ? local.this_month : substr(local.limits[0].billing_period, 0, 7)
  oldest = provider::waldur::billing_period("${local.newest}-01T00:00:00Z", 1 - var.number_of_months)
  months = provider::waldur::billing_periods(local.oldest, local.newest)
}

# What was consumed in each month.
data "waldur_component_usage_monthly" "months" {
  start         = local.oldest
  end           = local.newest
  offering_uuid = var.offering_uuid
  group_by      = local.columns
  require_rows  = true
}

locals {
  # By UUID and type: offerings may have the same name, and so may components of an offering.
  limit = { for s in local.limits : "${s.offering_uuid} ${s.component_type}" => s }
  rows  = { for s in data.waldur_component_usage_monthly.months.summaries : "${s.offering_uuid} ${s.component_type}" => s... }
  month = { for key, rows in local.rows : key => { for s in rows : substr(s.billing_period, 0, 7) => s } }
  any   = merge({ for key, rows in local.rows : key => rows[0] }, local.limit)

  # The fullest first. Those without a row in the newest month come last.
  fullest = [for s in local.limits : "${s.offering_uuid} ${s.component_type}"]
  keys    = concat(local.fullest, tolist(setsubtract(keys(local.any), local.fullest)))

  periods = {
    month     = { months = 1, each = "a month", whole = "the month" }
    quarterly = { months = 3, each = "a quarter", whole = "the quarter" }
    annual    = { months = 12, each = "a year", whole = "the year" }
    total     = { months = 0, each = "in total", whole = "total" }
  }

  names = ["offering_name", "service_provider_name", "component_name", "measured_unit"]
  components = [
    for key in local.keys : {
      # Other users choose the names: label makes them safe to print. Markup in them must not become
      # markup of a page.
      text = { for column in local.names : column => provider::waldur::label(local.any[key][column]) }
      html = {
        for column in local.names : column =>
        replace(replace(replace(provider::waldur::label(local.any[key][column]), "&", "&amp;"), "<", "&lt;"), ">", "&gt;")
      }

      # Null if nothing is allocated. Older servers set no period: the limit is then monthly.
      limit  = try(local.limit[key].usage_percent == null ? null : local.limit[key], null)
      period = try(local.periods[local.any[key].limit_period], local.periods.month)

      # A month without a row is reported as 0. It can also be a month from before the upgrade to
      # Waldur 8.0.8.
      consumed  = [for month in local.months : try(local.month[key][month].total_consumed, 0)]
      allocated = [for month in local.months : try(local.month[key][month].total_allocated, 0)]
      percent   = [for month in local.months : try(local.month[key][month].usage_percent, null)]
    }
  ]

  percents = [for s in local.limits : s.usage_percent if s.usage_percent != null]
  over     = length([for percent in local.percents : percent if percent > 100])
  nearly   = length([for percent in local.percents : percent if percent >= 80]) - local.over

  report = {
    title      = "Usage by component, ${local.oldest == local.newest ? "" : "${local.oldest} to "}${local.newest}"
    summary    = "As of ${formatdate("YYYY-MM-DD", local.now)}. Components: ${length(local.components)}. Over their limit: ${local.over}. From 80 to 100 %: ${local.nearly}."
    months     = [for month in local.months : month == local.this_month ? "${month} to date" : month]
    components = local.components
  }

  # A line for each row that Waldur has. The provider groups by unit and limit period as well.
  csv_texts   = concat(local.columns, ["measured_unit", "limit_period"])
  csv_numbers = ["total_consumed", "total_allocated", "limit_period_consumed", "limit_period_percent"]
  csv_lines = [
    for s in data.waldur_component_usage_monthly.months.summaries : join(",", concat(
      [
        # An apostrophe keeps a spreadsheet from evaluating a text, or what follows a separator in
        # it, as a formula.
        for text in [for column in local.csv_texts : column == "billing_period" ? substr(s[column], 0, 7) : s[column]] :
        "\"${replace(replace(provider::waldur::label(text), "/(^|[,;|\"'])(\\s*[=+@＝＋＠－-])/", "$1'$2"), "\"", "\"\"")}\""
      ],
      [format("%.2f", s.total_consumed), format("%.2f", s.total_allocated)],
      [
        # In the newest month: the amount and the share in the limit's whole period.
        for column in ["total_consumed", "usage_percent"] :
        try(s.billing_period == local.limits[0].billing_period ? format("%.2f", local.limit["${s.offering_uuid} ${s.component_type}"][column]) : "", "")
      ],
    ))
  ]
}

output "summary" {
  description = "Number of components that are over their limit, and that used 80 % or more of it."
  value       = local.report.summary
}

output "html" {
  description = "The report as a web page: the chart and the table."
  value       = templatefile("${path.module}/report.html.tftpl", merge(local.report, { svg = local.svg }))
  sensitive   = true
}

output "svg" {
  description = "The report as a bar chart in SVG."
  value       = local.svg
  sensitive   = true
}

output "markdown" {
  description = "The report as a table in Markdown."
  value       = templatefile("${path.module}/report.md.tftpl", local.report)
  sensitive   = true
}

output "csv" {
  description = "The rows of all months as CSV."
  value       = join("\n", concat([join(",", concat(local.csv_texts, local.csv_numbers))], local.csv_lines, [""]))
  sensitive   = true
}
