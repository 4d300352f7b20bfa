terraform {
  required_providers {
    waldur = {
      source = "terraform.local/waldur/waldur"
    }
  }
}

# The token is in the environment variable WALDUR_ACCESS_TOKEN.
provider "waldur" {
  url = "https://waldur.example.com" # or the environment variable WALDUR_API_URL
}

# The rows of this month at or over 80 % of their allocation.
data "waldur_component_usage_monthly" "nearly_full" {
  min_usage_percent = 80
  order_by          = ["-usage_percent"]
}

output "nearly_full" {
  value = [
    for s in data.waldur_component_usage_monthly.nearly_full.summaries :
    "${s.offering_name}, ${s.component_name}: ${s.usage_percent} %"
  ]
}
