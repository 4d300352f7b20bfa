# A report of the last twelve months by component, as a table in Markdown and as
# a bar chart in SVG:
#
#   terraform apply
#   terraform output -raw markdown
#   terraform output -raw svg > usage.svg
#
# The apply prints only a summary. The table and the chart are not secret. They are
# marked sensitive so that plan and apply do not print them: "terraform output -raw"
# prints them once.
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
  description = "Maximum number of components in the chart. If there are more, it shows the fullest: those that used the largest share of their allocation in the newest month with rows. They keep the order of the table, which has all components."
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
  now    = var.now == null ? plantimestamp() : var.now
  newest = provider::waldur::billing_period(local.now)
  oldest = provider::waldur::billing_period(local.now, 1 - var.number_of_months)
  months = provider::waldur::billing_periods(local.oldest, local.newest)
}

data "waldur_component_usage_monthly" "year" {
  start         = local.oldest
  end           = local.newest
  offering_uuid = var.offering_uuid
  order_by      = ["-billing_period", "-usage_percent"] # the fullest of the newest month come first
  fields        = ["offering_name", "service_provider_name", "component_name", "component_type", "offering_uuid", "measured_unit", "billing_period", "total_consumed", "total_allocated"]
}

locals {
  usage = data.waldur_component_usage_monthly.year.summaries

  # The rows of each component, by UUID and type: offerings may have the same name,
  # and so may components of an offering.
  rows = { for s in local.usage : "${s.offering_uuid} ${s.component_type}" => s... }

  # By component and month. A month without a row is reported as 0. It can also be a month
  # from before the upgrade to Waldur 8.0.8.
  consumed  = { for key, rows in local.rows : key => { for s in rows : substr(s.billing_period, 0, 7) => s.total_consumed } }
  allocated = { for key, rows in local.rows : key => { for s in rows : substr(s.billing_period, 0, 7) => s.total_allocated } }

  # Names can contain any character. Replace those that break lines, that change the direction of text,
  # or that SVG does not allow.
  texts = {
    for key, rows in local.rows : key => {
      for field in ["offering_name", "service_provider_name", "component_name", "measured_unit"] :
      field => trimspace(replace(rows[0][field] == null ? "" : rows[0][field], "/[\\s\\p{Cc}\\x{2028}-\\x{202E}\\x{2066}-\\x{2069}\\x{FFFE}\\x{FFFF}]+/", " "))
    }
  }

  # By offering, provider and component: values() returns them in the order of the keys.
  components = values({
    for key, text in local.texts : join("\n", [text.offering_name, text.service_provider_name, text.component_name, key]) => {
      key       = key
      text      = text
      consumed  = [for month in local.months : lookup(local.consumed[key], month, 0)]
      allocated = [for month in local.months : lookup(local.allocated[key], month, 0)]
    }
  })

  # The newest month with rows. On the first day of a month, Waldur may have no rows of it yet.
  latest      = length(local.usage) == 0 ? local.newest : substr(local.usage[0].billing_period, 0, 7)
  latest_rows = [for s in local.usage : s if startswith(s.billing_period, local.latest)]
  over        = length([for s in local.latest_rows : s if s.total_allocated > 0 && s.total_consumed > s.total_allocated])

  headings = { for month in local.months : month => month == local.newest ? "${month} to date" : month }
  counts   = "${local.over} of ${length(local.components)} over ${local.over == 1 ? "its" : "their"} allocation"

  report = {
    title      = "Usage by component, ${local.oldest} to ${local.newest}"
    summary    = length(local.usage) == 0 ? "No usage in these months." : "Components in ${local.headings[local.latest]}: ${local.counts}."
    months     = values(local.headings)
    components = local.components
  }
}

output "summary" {
  description = "Number of components over their allocation."
  value       = local.report.summary
}

output "markdown" {
  description = "The report as a table in Markdown."
  value       = templatefile("${path.module}/report.md.tftpl", local.report)
  sensitive   = true
}

output "svg" {
  description = "The report as a bar chart in SVG."
  value       = templatefile("${path.module}/chart.svg.tftpl", merge(local.report, local.chart))
  sensitive   = true
}
