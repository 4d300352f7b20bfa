# Checks before an order that enough of the limit is left. If not, the plan stops before
# anything is changed.
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

# One row: an offering has one for each component and month.
data "waldur_component_usage_monthly" "component" {
  billing_period = var.billing_period
  offering_uuid  = var.offering_uuid
  component_type = var.component_type
  usage_period   = "limit_period" # a yearly limit is compared with the year's consumption
  require_rows   = true
}

locals {
  component = one(data.waldur_component_usage_monthly.component.summaries)

  # Terraform subtracts in binary. Round the difference to Waldur's two digits.
  left = tonumber(format("%.2f", local.component.total_allocated - local.component.total_consumed))

  # Other users choose the names: replace what a terminal or a pipeline could run as a command.
  name = replace("${local.component.offering_name}, ${local.component.component_name}", "/\\pC|::|##/", " ")
  unit = replace(local.component.measured_unit, "/\\pC|::|##/", " ")
}

# Stands for the resource to order. Terraform tests the precondition in every plan, not only in the
# first one. So set amount to 0 once the order is part of the consumption.
resource "terraform_data" "order" {
  lifecycle {
    precondition {
      condition     = var.amount <= local.left
      error_message = "The order needs ${var.amount} ${local.unit} of ${local.name}. Left: ${local.left} of ${local.component.total_allocated}."
    }
  }
}

output "left" {
  description = "What is left of the limit before the order."
  value       = trimspace("${local.left} ${local.unit}")
}
