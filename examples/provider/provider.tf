terraform {
  required_providers {
    waldur = {
      source = "terraform.local/waldur/waldur"
    }
  }
}

provider "waldur" {
  profile = "prod" # saved by waldur-cli login; without it, environment variables or the profile "default"
}

data "waldur_component_usage_monthly" "nearly_full" {
  billing_period    = "latest"       # this month, or last month while Waldur has no rows for this one
  usage_period      = "limit_period" # a yearly limit is compared with the year's consumption
  min_usage_percent = 80
  order_by          = ["-usage_percent"]
  require_rows      = true
}

check "quota" {
  assert {
    condition = length(data.waldur_component_usage_monthly.nearly_full.summaries) == 0
    error_message = join("\n", concat(["80 % or more of the limit is used:"], [
      for s in data.waldur_component_usage_monthly.nearly_full.summaries :
      "  ${provider::waldur::label(s.service_provider_name, s.offering_name, s.component_name)}: ${s.usage_percent} %"
    ]))
  }
}
