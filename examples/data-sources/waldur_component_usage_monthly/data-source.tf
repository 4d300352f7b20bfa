# The current month (in UTC) of one offering, the fullest components first.
data "waldur_component_usage_monthly" "this_month" {
  offering_uuid = "5c6eb065f4e758f7957ce351ad5bfcea"
  order_by      = ["-usage_percent"]
}

# One component of all offerings, from January to June. Only the columns that
# are needed: less to transfer, and less to keep in the state.
data "waldur_component_usage_monthly" "cores" {
  start          = "2026-01"
  end            = "2026-06"
  component_type = "cores"
  fields         = ["offering_name", "billing_period", "total_consumed", "total_allocated"]
}

# Components without an allocation have no percentage: it is null.
output "over_80_percent" {
  value = [
    for s in data.waldur_component_usage_monthly.this_month.summaries :
    "${s.component_name}: ${s.usage_percent} %"
    if s.usage_percent == null ? false : s.usage_percent > 80
  ]
}

output "cores_by_month" {
  value = {
    for s in data.waldur_component_usage_monthly.cores.summaries :
    s.billing_period => s.total_consumed...
  }
}
