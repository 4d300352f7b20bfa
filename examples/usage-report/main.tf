# A report of the last twelve months by component, as a table in Markdown and as
# a bar chart in SVG:
#
#   terraform apply
#   terraform output -raw markdown > usage.md
#   terraform output -raw svg > usage.svg
#
# The provider reads WALDUR_API_URL and WALDUR_ACCESS_TOKEN.

terraform {
  required_version = ">= 1.7" # for functions of providers: Terraform 1.8, OpenTofu 1.7
  required_providers {
    waldur = {
      source = "terraform.local/waldur/waldur"
    }
  }
}

provider "waldur" {}

variable "now" {
  description = "Time to reckon the months from, as 2026-11-23T12:00:00Z. Default: the time of the plan."
  type        = string
  default     = null
}

variable "number_of_months" {
  description = "How many months to report, the current one included."
  type        = number
  default     = 12
}

variable "offering_uuid" {
  description = "Offering to report. Default: all that the token's user may see."
  type        = string
  default     = null
}

locals {
  # Not timestamp(): that is known only during apply, and the read would wait for it.
  now    = var.now == null ? plantimestamp() : var.now
  newest = provider::waldur::billing_period(local.now)
  oldest = provider::waldur::billing_period(local.now, 1 - var.number_of_months)
  months = provider::waldur::billing_periods(local.oldest, local.newest)
}

data "waldur_component_usage_monthly" "year" {
  start         = local.oldest
  end           = local.newest
  offering_uuid = var.offering_uuid
  order_by      = ["offering_name", "component_name"]
  fields        = ["offering_name", "service_provider_name", "component_name", "component_type", "offering_uuid", "measured_unit", "billing_period", "total_consumed", "total_allocated"]
}

locals {
  usage = data.waldur_component_usage_monthly.year.summaries

  # The rows of each component, by what tells components apart: offerings may have
  # the same name, and so may components of an offering.
  keys = distinct([for s in local.usage : "${s.offering_uuid} ${s.component_type}"])
  rows = { for s in local.usage : "${s.offering_uuid} ${s.component_type}" => s... }

  # By component and month. Waldur has no row for a month without usage.
  consumed  = { for key, rows in local.rows : key => { for s in rows : substr(s.billing_period, 0, 7) => s.total_consumed } }
  allocated = { for key, rows in local.rows : key => { for s in rows : substr(s.billing_period, 0, 7) => s.total_allocated } }

  components = [
    for key in local.keys : {
      name      = "${local.rows[key][0].offering_name}: ${local.rows[key][0].component_name}"
      provider  = local.rows[key][0].service_provider_name == null ? "" : local.rows[key][0].service_provider_name
      unit      = local.rows[key][0].measured_unit
      consumed  = [for month in local.months : lookup(local.consumed[key], month, 0)]
      allocated = [for month in local.months : lookup(local.allocated[key], month, 0)]
    }
  ]

  report = {
    title      = "Usage by component, ${local.oldest} to ${local.newest}"
    months     = local.months
    components = local.components
  }
}

output "markdown" {
  description = "The report as a table in Markdown."
  value       = templatefile("${path.module}/report.md.tftpl", local.report)
}

output "svg" {
  description = "The report as a bar chart in SVG."
  value       = templatefile("${path.module}/chart.svg.tftpl", merge(local.report, { charts = local.charts }))
  sensitive   = true # not a secret, but no pleasure to read on a terminal
}
