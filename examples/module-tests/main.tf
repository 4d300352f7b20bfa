# A quota check, and tests of it that need no Waldur server: quotas.tftest.hcl.

terraform {
  required_providers {
    waldur = {
      source = "terraform.local/waldur/waldur"
    }
  }
}

variable "warn_percent" {
  description = "Percentage of the limit at which a component gives a warning."
  type        = number
  default     = 80
}

data "waldur_component_usage_monthly" "nearly_full" {
  billing_period    = "latest"
  usage_period      = "limit_period"
  min_usage_percent = var.warn_percent
  order_by          = ["-usage_percent"]
}

locals {
  nearly_full = [
    for s in data.waldur_component_usage_monthly.nearly_full.summaries :
    "${provider::waldur::label(s.offering_name, s.component_name)}: ${s.usage_percent} %"
  ]
  list = join("", [for line in local.nearly_full : "\n  ${line}"])
  full = [for s in data.waldur_component_usage_monthly.nearly_full.summaries : s if s.usage_percent >= 100]
}

check "quota" {
  assert {
    condition     = data.waldur_component_usage_monthly.nearly_full.total_count > 0
    error_message = "Waldur has no rows, so no quota was checked."
  }

  assert {
    condition     = length(local.nearly_full) == 0
    error_message = "At or over ${var.warn_percent} %:${local.list}"
  }
}

output "nearly_full" {
  description = "Components at or over warn_percent, the fullest first."
  value       = local.nearly_full

  precondition {
    condition     = length(local.full) == 0
    error_message = "${length(local.full)} of these are full:${local.list}"
  }
}
