# The components with 80 % or more of their limit used, the fullest first. Each limit is compared
# with the consumption in its own period, such as the year.
data "waldur_component_usage_monthly" "nearly_full" {
  billing_period    = "latest" # this month, or last month while Waldur has no rows for this one
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

# The CPU hours of each organization's offerings, from January to June.
data "waldur_component_usage_monthly" "half_year" {
  start          = "2026-01"
  end            = "2026-06"
  component_type = "cpu_k_hours"
  group_by       = ["service_provider_name"]
}

output "half_year" {
  value = [
    for s in data.waldur_component_usage_monthly.half_year.summaries :
    "${provider::waldur::label(s.service_provider_name)}: ${s.total_consumed} ${provider::waldur::label(s.measured_unit)}"
  ]
}
