# The ten components that are fullest this month. With component_type, the ten
# offerings that consumed most of that component.
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
  description = "Month to read, as YYYY-MM. Default: the current month in UTC."
  type        = string
  default     = null
}

variable "component_type" {
  description = "Component to compare offerings by, such as cpu_k_hours. Default: all components, compared by the share of their allocation, because hours and GB cannot be compared."
  type        = string
  default     = null
}

variable "number" {
  description = "Number of rows to list."
  type        = number
  default     = 10
}

data "waldur_component_usage_monthly" "top" {
  billing_period = var.billing_period
  component_type = var.component_type
  order_by       = var.component_type == null ? ["-usage_percent", "-total_consumed"] : ["-total_consumed"]
  limit          = var.number

  lifecycle {
    postcondition {
      condition     = self.total_count > 0
      error_message = "Waldur has no usage for this month. Is component_type a type, such as cpu_k_hours, and not a name?"
    }
  }
}

output "top_consumers" {
  value = [
    for i, s in data.waldur_component_usage_monthly.top.summaries : format("%2d. %s (%s), %s: %s%s", i + 1,
      s.offering_name,
      s.service_provider_name == null ? "no provider" : s.service_provider_name,
      s.component_name,
      trimspace("${s.total_consumed} ${s.measured_unit}"),
      s.usage_percent == null ? "" : " (${s.usage_percent} %)",
    )
  ]
}
