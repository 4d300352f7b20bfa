terraform {
  required_providers {
    waldur = {
      source = "terraform.local/waldur/waldur"
    }
  }
}

output "this_month" {
  value = provider::waldur::billing_period(plantimestamp())
}

output "last_month" {
  value = provider::waldur::billing_period(plantimestamp(), -1)
}

# "2026-11", because months are in UTC.
output "new_york_halloween" {
  value = provider::waldur::billing_period("2026-10-31T22:00:00-04:00")
}
