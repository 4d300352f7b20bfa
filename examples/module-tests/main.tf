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

output "nearly_full" {
  description = "Components at or over warn_percent, the fullest first."
  value = [
    for s in data.waldur_component_usage_monthly.nearly_full.summaries :
    "${provider::waldur::label(s.offering_name, s.component_name)}: ${s.usage_percent} %"
  ]

  precondition {
    condition     = data.waldur_component_usage_monthly.nearly_full.total_count > 0
    error_message = "Waldur has no rows, so no quota was checked."
  }
}

check "quota" {
  assert {
    condition     = length(data.waldur_component_usage_monthly.nearly_full.summaries) == 0
    error_message = "Components at or over ${var.warn_percent} %: ${length(data.waldur_component_usage_monthly.nearly_full.summaries)}."
  }
}
