# The components that used the largest share of their limits, the fullest first.
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
  description = "Month to read, as YYYY-MM. Default: the latest month with rows."
  type        = string
  default     = "latest"
}

variable "component_type" {
  description = "Type of the components to compare, such as cpu_k_hours. Default: all components."
  type        = string
  default     = null
}

variable "number" {
  description = "Maximum number of components to list."
  type        = number
  default     = 10
}

data "waldur_component_usage_monthly" "fullest" {
  billing_period    = var.billing_period
  component_type    = var.component_type
  usage_period      = "limit_period"
  min_usage_percent = 0 # leaves out components without an allocation
  order_by          = ["-usage_percent"]
  limit             = var.number
  require_rows      = true
}

output "fullest" {
  value = [
    for s in data.waldur_component_usage_monthly.fullest.summaries : join(": ", [
      provider::waldur::label(s.service_provider_name, s.offering_name, s.component_name),
      trimspace("${s.usage_percent} % of ${s.total_allocated} ${provider::waldur::label(s.measured_unit)}"),
    ])
  ]
}
