# A quota check that can be tested without a Waldur server: the data block is in
# a module of its own, and quotas.tftest.hcl replaces the outputs of that module.

terraform {
  required_providers {
    waldur = {
      source = "terraform.local/waldur/waldur"
    }
  }
}

variable "warn_percent" {
  description = "Percentage of the allocation at which a component gives a warning."
  type        = number
  default     = 80
}

module "usage" {
  source = "./usage"

  min_usage_percent = var.warn_percent
}

locals {
  nearly_full = [for s in module.usage.summaries : "${s.offering_name}, ${s.component_name}: ${s.usage_percent} %"]
  full        = [for s in module.usage.summaries : "${s.offering_name}, ${s.component_name}" if s.usage_percent >= 100]
}

check "quota" {
  assert {
    condition     = module.usage.total_count > 0
    error_message = "Waldur has no rows for this month, so no quota was checked."
  }

  assert {
    condition     = length(local.nearly_full) == 0
    error_message = "At or over ${var.warn_percent} %: ${join("; ", local.nearly_full)}."
  }
}

output "nearly_full" {
  description = "Components at or over warn_percent, the fullest first."
  value       = local.nearly_full

  precondition {
    condition     = length(local.full) == 0
    error_message = "Nothing is left of: ${join("; ", local.full)}."
  }
}
