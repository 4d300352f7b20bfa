# Only the data block. The tests replace the outputs of this module, so they do not
# test anything in it.

terraform {
  required_providers {
    waldur = {
      source = "terraform.local/waldur/waldur"
    }
  }
}

variable "min_usage_percent" {
  type = number
}

data "waldur_component_usage_monthly" "this_month" {
  min_usage_percent = var.min_usage_percent
  order_by          = ["-usage_percent"]
}

output "summaries" {
  value = data.waldur_component_usage_monthly.this_month.summaries
}

output "total_count" {
  value = data.waldur_component_usage_monthly.this_month.total_count
}
