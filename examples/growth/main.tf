# This month's and last month's consumption, and the growth.
#
# This month is not over, so its consumption would seem to fall. The growth therefore
# compares two whole months: last month and the month before.
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

locals {
  # timestamp() is known only during apply, and would delay the read until then.
  now    = var.now == null ? plantimestamp() : var.now
  months = [for offset in [0, -1, -2] : provider::waldur::billing_period(local.now, offset)]
}

data "waldur_component_usage_monthly" "months" {
  start = local.months[2]
  end   = local.months[0]
  fields = [
    "service_provider_name", "offering_uuid", "offering_name", "component_type", "component_name", "measured_unit",
    "billing_period", "total_consumed",
  ]
  require_rows = true
}

locals {
  # The rows of each component, by UUID and type: several offerings can have the same name.
  rows = { for s in data.waldur_component_usage_monthly.months.summaries : "${s.offering_uuid}/${s.component_type}" => s... }

  # By component, newest month first. A month without a row counts as 0.
  consumed = {
    for key, rows in local.rows : key => [
      for month in local.months : lookup({ for s in rows : substr(s.billing_period, 0, 7) => s.total_consumed }, month, 0)
    ]
  }
}

output "growth" {
  # Other users choose the names: replace what a terminal or a pipeline could run as a command.
  value = sort([
    for key, c in local.consumed : replace(format("%s, %s, %s: %s in %s so far, %s in %s, %s",
      coalesce(local.rows[key][0].service_provider_name, "no organization"),
      local.rows[key][0].offering_name,
      local.rows[key][0].component_name,
      trimspace("${c[0]} ${local.rows[key][0].measured_unit}"), local.months[0],
      c[1], local.months[1],
      c[2] > 0 ? format("%+.1f %% on %s", (c[1] - c[2]) * 100 / c[2], local.months[2]) : "nothing in ${local.months[2]}",
    ), "/\\pC|::|##/", " ")
  ])
}
