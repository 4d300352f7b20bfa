terraform {
  required_providers {
    waldur = {
      source = "terraform.local/waldur/waldur"
    }
  }
}

# ["2025-11", "2025-12", "2026-01"]
output "winter" {
  value = provider::waldur::billing_periods("2025-11", "2026-01")
}

# The last twelve months, including the current one.
output "last_twelve_months" {
  value = provider::waldur::billing_periods(
    provider::waldur::billing_period(plantimestamp(), -11),
    provider::waldur::billing_period(plantimestamp()),
  )
}
