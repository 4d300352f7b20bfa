# Components of all offerings that used 80 % of their allocation or more this
# month (in UTC), the fullest first.
data "waldur_component_usage_monthly" "nearly_full" {
  min_usage_percent = 80
  order_by          = ["-usage_percent"]

  lifecycle {
    postcondition {
      condition     = self.total_count > 0
      error_message = "Waldur has no rows for this month."
    }
  }
}

output "nearly_full" {
  value = [
    for s in data.waldur_component_usage_monthly.nearly_full.summaries :
    "${s.offering_name}, ${s.component_name}: ${s.usage_percent} %"
  ]
}

# One component of all offerings, from January to June.
data "waldur_component_usage_monthly" "cores" {
  start          = "2026-01"
  end            = "2026-06"
  component_type = "cores"
  fields         = ["offering_name", "billing_period", "total_consumed"]

  lifecycle {
    postcondition {
      condition     = self.total_count > 0
      error_message = "Waldur has no usage of cores in these months. Is component_type correct?"
    }
  }
}

output "cores_by_month" {
  value = {
    for s in data.waldur_component_usage_monthly.cores.summaries :
    s.billing_period => "${s.offering_name}: ${s.total_consumed}"...
  }
}
