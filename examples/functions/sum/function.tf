terraform {
  required_providers {
    waldur = {
      source = "terraform.local/waldur/waldur"
    }
  }
}

# 0.3
output "exact" {
  value = provider::waldur::sum([10000.1, -9999.8])
}

data "waldur_component_usage_monthly" "this" {
  billing_period = "latest"
  usage_period   = "limit_period"
}

# What is left of each limit.
output "left" {
  value = {
    for s in data.waldur_component_usage_monthly.this.summaries :
    "${s.offering_uuid}/${s.component_type}" => provider::waldur::sum([s.total_allocated, -s.total_consumed])
    if s.usage_percent != null # null where nothing is allocated
  }
}
