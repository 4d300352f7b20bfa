terraform {
  required_providers {
    waldur = {
      source = "terraform.local/waldur/waldur"
    }
  }
}

data "waldur_component_usage_monthly" "nearly_full" {
  billing_period    = "latest"
  usage_period      = "limit_period"
  min_usage_percent = 80
}

# Such as "Example University, LUMI, Storage: 88 %".
output "nearly_full" {
  value = [
    for s in data.waldur_component_usage_monthly.nearly_full.summaries :
    "${provider::waldur::label(s.service_provider_name, s.offering_name, s.component_name)}: ${s.usage_percent} %"
  ]
}
