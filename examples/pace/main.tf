# The limits that will not last: components that use their limit faster than its period passes, the
# worst first.
#
# This is arithmetic, not a forecast. It assumes that consumption goes on as before, and says little
# in the first days of a period. If a report is missing, Waldur can repeat last month's: that looks
# like a fast start. The result means something only for amounts that accumulate, such as hours.
# Amounts in use, such as GB, are left out.
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
  description = "Time up to which periods have passed, such as 2026-11-23T12:00:00Z. Default: the time of the plan."
  type        = string
  default     = null
}

variable "in_use" {
  description = "Types of the components whose amounts are in use, and do not accumulate."
  type        = set(string)
  default     = ["cores", "ram", "storage", "tb"]
}

locals {
  now = var.now == null ? plantimestamp() : var.now
}

data "waldur_component_usage_monthly" "limits" {
  billing_period    = var.now == null ? "latest" : provider::waldur::billing_period(var.now)
  usage_period      = "limit_period" # a yearly limit is compared with the year's consumption
  min_usage_percent = 0              # leaves out components without an allocation
  require_rows      = true
}

locals {
  components = [
    for s in data.waldur_component_usage_monthly.limits.summaries : {
      row     = s
      left    = provider::waldur::sum([s.total_allocated, -s.total_consumed])
      elapsed = provider::waldur::elapsed_percent(s.billing_period, s.limit_period, local.now)
    } if !contains(var.in_use, s.component_type)
  ]

  # Null for a limit of all time, which has no end.
  heading = [for c in local.components : merge(c, { percent = provider::waldur::percent(c.row.usage_percent, c.elapsed) })]

  # The keys put the lines into order.
  lines = {
    for c in local.heading : format("%020.2f %s/%s", c.percent, c.row.offering_uuid, c.row.component_type) => join(", ", [
      "${provider::waldur::label(c.row.service_provider_name, c.row.offering_name, c.row.component_name)}: ${c.row.usage_percent} %",
      trimspace("left ${c.left} ${provider::waldur::label(c.row.measured_unit)}"),
      "${c.elapsed} % of the ${lookup({ quarterly = "quarter", annual = "year" }, coalesce(c.row.limit_period, "month"), "month")} is over",
      "heading for ${c.percent} %",
    ]) if try(c.percent > 100, false)
  }
}

output "heading_over" {
  description = "Components that are heading over their limit, the worst first."
  value       = reverse(values(local.lines))
}
