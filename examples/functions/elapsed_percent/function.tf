terraform {
  required_providers {
    waldur = {
      source = "terraform.local/waldur/waldur"
    }
  }
}

# 58.15, because 53.5 of the quarter's 92 days are over.
output "elapsed" {
  value = provider::waldur::elapsed_percent("2026-11", "quarterly", "2026-11-23T12:00:00Z")
}

data "waldur_component_usage_monthly" "this" {
  billing_period = "latest"
  usage_period   = "limit_period"
}

# The percentage of each limit that is used at the end of its period, if consumption goes on as before.
output "heading_for" {
  value = {
    for s in data.waldur_component_usage_monthly.this.summaries :
    "${s.offering_uuid}/${s.component_type}" => provider::waldur::percent(
      s.usage_percent,
      provider::waldur::elapsed_percent(s.billing_period, s.limit_period, plantimestamp()),
    )
  }
}
