terraform {
  required_providers {
    waldur = {
      source = "terraform.local/waldur/waldur"
    }
  }
}

# 128.51
output "used" {
  value = provider::waldur::percent(5140.4, 4000)
}

data "waldur_component_usage_monthly" "gpu_hours" {
  billing_period = "latest"
  component_type = "gpu_hours"
  order_by       = ["-total_consumed"]
}

# The share of each offering in all GPU-hours.
output "shares" {
  value = [
    for s in data.waldur_component_usage_monthly.gpu_hours.summaries : {
      offering = provider::waldur::label(s.service_provider_name, s.offering_name)
      percent = provider::waldur::percent(
        s.total_consumed,
        provider::waldur::sum(data.waldur_component_usage_monthly.gpu_hours.summaries[*].total_consumed),
      )
    }
  ]
}
