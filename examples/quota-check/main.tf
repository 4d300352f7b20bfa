# A quota check: components over a threshold give a warning, and components over a
# second threshold stop the plan.
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

variable "billing_period" {
  description = "Month to check, as YYYY-MM. Default: this month, or last month while Waldur has no rows for this one."
  type        = string
  default     = "latest"
}

variable "offering_uuid" {
  description = "Offering to check. Default: all offerings that the token's user may see."
  type        = string
  default     = null
}

variable "warn_percent" {
  description = "Percentage of the limit at which a component gives a warning."
  type        = number
  default     = 80
}

variable "stop_percent" {
  description = "Percentage of the limit at which a component stops the plan. Default: none."
  type        = number
  default     = null
}

variable "in_use" {
  description = "Types of components whose amounts are in use, such as GB, and do not accumulate. They are compared with one month."
  type        = set(string)
  default     = []
}

data "waldur_component_usage_monthly" "nearly_full" {
  for_each          = toset(["limit_period", "month"])
  billing_period    = var.billing_period
  offering_uuid     = var.offering_uuid
  usage_period      = each.key # with limit_period, a yearly limit is compared with the year's consumption
  min_usage_percent = min(var.warn_percent, coalesce(var.stop_percent, var.warn_percent))
  order_by          = ["-usage_percent"]
  require_rows      = each.key == "month" # without rows, nothing would be checked
}

locals {
  nearly_full = [
    for s in concat(
      [for s in data.waldur_component_usage_monthly.nearly_full["limit_period"].summaries : s if !contains(var.in_use, s.component_type)],
      [for s in data.waldur_component_usage_monthly.nearly_full["month"].summaries : s if contains(var.in_use, s.component_type)],
      ) : {
      percent = s.usage_percent
      line = join(" ", [
        "${provider::waldur::label(s.service_provider_name, s.offering_name, s.component_name)}: ${s.usage_percent} %",
        "(${provider::waldur::label("${s.total_consumed} of ${s.total_allocated} ${s.measured_unit}", s.limit_period)})",
      ])
    }
  ]
  warnings = [for s in local.nearly_full : s.line if s.percent >= var.warn_percent]
  stops    = [for s in local.nearly_full : s.line if var.stop_percent == null ? false : s.percent >= var.stop_percent]
  bullet   = "\n  - " # Terraform does not wrap lines that begin with a space
}

check "quota" {
  assert {
    condition     = length(local.warnings) == 0
    error_message = "At or over ${var.warn_percent} % of the limit:${local.bullet}${join(local.bullet, local.warnings)}\n"
  }
}

output "nearly_full" {
  description = "Components at or over warn_percent, the fullest first."
  value       = local.warnings

  precondition {
    condition     = length(local.stops) == 0
    error_message = "At or over ${coalesce(var.stop_percent, 0)} % of the limit, so this plan stops:${local.bullet}${join(local.bullet, local.stops)}\n"
  }
}

output "rows_checked" {
  description = "Number of rows that Waldur has for the month, including those without an allocation."
  value       = data.waldur_component_usage_monthly.nearly_full["month"].total_count
}
