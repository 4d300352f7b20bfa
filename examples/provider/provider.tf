terraform {
  required_providers {
    waldur = {
      source = "terraform.local/waldur/waldur"
    }
  }
}

provider "waldur" {
  profile = "prod" # that waldur-cli login saved; without it, the environment or the profile default
}

# The rows of this month at or over 80 % of their allocation.
data "waldur_component_usage_monthly" "nearly_full" {
  min_usage_percent = 80
  order_by          = ["-usage_percent"]
}

# Providers choose the names, so control characters and commands of pipelines are replaced.
output "nearly_full" {
  value = [
    for s in data.waldur_component_usage_monthly.nearly_full.summaries :
    replace("${s.offering_name}, ${s.component_name}: ${s.usage_percent} %", "/\\pC|::|##/", " ")
  ]
}
