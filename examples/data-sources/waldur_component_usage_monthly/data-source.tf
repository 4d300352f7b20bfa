# The components with 80 % or more of their limit used, in the limit's own period.
data "waldur_component_usage_monthly" "nearly_full" {
  billing_period    = "latest"
  usage_period      = "limit_period"
  min_usage_percent = 80
  order_by          = ["-usage_percent"]
  require_rows      = true
}

output "nearly_full" {
  # Other people choose the names: label makes them safe to print.
  value = [
    for s in data.waldur_component_usage_monthly.nearly_full.summaries :
    "${provider::waldur::label(s.service_provider_name, s.offering_name, s.component_name)}: ${s.usage_percent} %"
  ]
}
