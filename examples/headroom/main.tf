# Checks before an order that enough of the limit is left. If not, the plan stops before anything is
# changed. Once the order exists, it is part of the consumption: later plans do not check it again.
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

variable "offering_uuid" {
  description = "UUID of the offering."
  type        = string
}

variable "component_type" {
  description = "Type of the component, such as cpu_k_hours."
  type        = string
}

variable "amount" {
  description = "Amount that the order needs, in the component's unit."
  type        = number
}

variable "billing_period" {
  description = "Month to read, as YYYY-MM. Default: the latest month with rows."
  type        = string
  default     = "latest"
}

variable "usage_period" {
  description = "\"limit_period\" compares a yearly limit with the year's consumption. For an amount in use, such as GB: \"month\"."
  type        = string
  default     = "limit_period"
}

# One row: an offering has one for each component and month.
data "waldur_component_usage_monthly" "component" {
  billing_period = var.billing_period
  offering_uuid  = var.offering_uuid
  component_type = var.component_type
  usage_period   = var.usage_period
  require_rows   = true
}

locals {
  component = one(data.waldur_component_usage_monthly.component.summaries)
  left      = provider::waldur::sum([local.component.total_allocated, -local.component.total_consumed])
  name      = provider::waldur::label(local.component.offering_name, local.component.component_name)
  unit      = provider::waldur::label(local.component.measured_unit)
}

# Keeps the result of the check from when it was created. Another amount is checked again.
resource "terraform_data" "headroom" {
  input            = var.amount <= local.left
  triggers_replace = var.amount

  lifecycle {
    ignore_changes = [input]

    postcondition {
      condition     = self.input
      error_message = "Not enough is left for the order:\n  ${local.name}: ${var.amount} needed, ${local.left} of ${local.component.total_allocated} ${local.unit} left\n"
    }
  }
}

# Stands for the resource to order.
resource "terraform_data" "order" {
  depends_on = [terraform_data.headroom]
}

output "left" {
  description = "What is left of the limit."
  value       = trimspace("${local.left} ${local.unit}")
}
