terraform {
  required_providers {
    waldur = {
      source = "terraform.local/waldur/waldur"
    }
  }
}

provider "waldur" {
  url   = "https://waldur.example.com" # or the environment variable WALDUR_API_URL
  token = var.waldur_token             # or the environment variable WALDUR_ACCESS_TOKEN
}

variable "waldur_token" {
  description = "API token of the Waldur user to read as."
  type        = string
  sensitive   = true
}

# The current month of all offerings that this user may see.
data "waldur_component_usage_monthly" "this_month" {}

output "rows" {
  value = length(data.waldur_component_usage_monthly.this_month.summaries)
}
