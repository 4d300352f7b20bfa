# A quota check: components over a threshold give a warning, and components over a
# second threshold stop the plan.
#
# The provider reads WALDUR_API_URL and WALDUR_ACCESS_TOKEN.

terraform {
  required_version = ">= 1.5" # OpenTofu: 1.7
  required_providers {
    waldur = {
      source = "terraform.local/waldur/waldur"
    }
  }
}

provider "waldur" {}

variable "billing_period" {
  description = "Month to check, as YYYY-MM. Default: the current month in UTC."
  type        = string
  default     = null
}

variable "offering_uuid" {
  description = "Offering to check. Default: all offerings that the token's user may see."
  type        = string
  default     = null
}

variable "warn_percent" {
  description = "Percentage of the allocation at which a component gives a warning."
  type        = number
  default     = 80
}

variable "stop_percent" {
  description = "Percentage of the allocation at which a component stops the plan. Default: none."
  type        = number
  default     = null
}

variable "minimum_rows" {
  description = "Minimum number of rows to expect. Without rows, nothing is checked."
  type        = number
  default     = 1
}

data "waldur_component_usage_monthly" "nearly_full" {
  billing_period    = var.billing_period
  offering_uuid     = var.offering_uuid
  min_usage_percent = min(var.warn_percent, coalesce(var.stop_percent, var.warn_percent))
  order_by          = ["-usage_percent"]

  lifecycle {
    # On the first of a month, Waldur has no rows until its daily job has run.
    postcondition {
      condition     = self.total_count >= var.minimum_rows
      error_message = "Waldur has ${self.total_count} rows of usage for the month, but at least ${var.minimum_rows} are expected. Check billing_period and offering_uuid, and whether the token's user may see the offerings."
    }
  }
}

locals {
  nearly_full = data.waldur_component_usage_monthly.nearly_full.summaries

  warnings = [
    for s in local.nearly_full :
    "${s.offering_name}, ${s.component_name}: ${s.usage_percent} % (${s.total_consumed} of ${trimspace("${s.total_allocated} ${s.measured_unit}")})"
    if s.usage_percent >= var.warn_percent
  ]
  stops = [
    for s in local.nearly_full : "${s.offering_name}, ${s.component_name}: ${s.usage_percent} %"
    if var.stop_percent == null ? false : s.usage_percent >= var.stop_percent
  ]
}

check "quota" {
  assert {
    condition     = length(local.warnings) == 0
    error_message = <<-EOT
      At or over ${var.warn_percent} % of the allocation:
      ${join("\n", local.warnings)}
    EOT
  }
}

output "nearly_full" {
  description = "Components at or over warn_percent, the fullest first."
  value       = local.warnings

  precondition {
    condition     = length(local.stops) == 0
    error_message = <<-EOT
      At or over ${coalesce(var.stop_percent, 0)} % of the allocation, so this plan stops:
      ${join("\n", local.stops)}
    EOT
  }
}

output "rows_checked" {
  description = "Number of rows that Waldur has for the month, including those without an allocation."
  value       = data.waldur_component_usage_monthly.nearly_full.total_count
}
