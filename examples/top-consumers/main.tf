# The ten components that are fullest this month or, of one component_type, the
# ten offerings that consumed most.
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
  description = "Month to read, as YYYY-MM. Default: the current one, in UTC."
  type        = string
  default     = null
}

variable "component_type" {
  description = "Component to compare the offerings by, such as cpu_k_hours. Default: all, by the share of their allocation, since amounts in hours and in GB do not compare."
  type        = string
  default     = null
}

variable "number" {
  description = "How many to list."
  type        = number
  default     = 10
}

data "waldur_component_usage_monthly" "by_consumption" {
  billing_period = var.billing_period
  component_type = var.component_type
  order_by       = var.component_type == null ? ["-usage_percent", "-total_consumed"] : ["-total_consumed"]
  fields         = ["offering_name", "component_name", "measured_unit", "total_consumed", "usage_percent"]
}

locals {
  usage = data.waldur_component_usage_monthly.by_consumption.summaries
  top   = slice(local.usage, 0, min(var.number, length(local.usage)))
}

output "top_consumers" {
  value = [
    for i, s in local.top : format("%2d. %s, %s: %s%s", i + 1, s.offering_name, s.component_name,
      trimspace("${s.total_consumed} ${s.measured_unit}"),
      s.usage_percent == null ? "" : " (${s.usage_percent} %)",
    )
  ]
}
