terraform {
  required_providers {
    waldur = {
      source = "terraform.local/waldur/waldur"
    }
  }
}

provider "waldur" {
  profile = "prod" # saved by waldur-cli login; without it, the environment variables or the profile "default"
}

# The rows of this month with 80 % or more of their allocation used.
data "waldur_component_usage_monthly" "nearly_full" {
  min_usage_percent = 80
  order_by          = ["-usage_percent"]
}

# Other users choose the names: replace what a terminal or a pipeline could run as a command.
output "nearly_full" {
  value = [
    for s in data.waldur_component_usage_monthly.nearly_full.summaries :
    replace("${s.offering_name}, ${s.component_name}: ${s.usage_percent} %", "/\\pC|::|##/", " ")
  ]
}
