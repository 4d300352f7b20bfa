# The consumption of last month as a percentage of the month before, and of this month so far as a
# percentage of the same month of last year. What is new comes first, then what grew most.
#
# The provider reads WALDUR_API_URL and WALDUR_ACCESS_TOKEN.

terraform {
  required_version = ">= 1.7" # provider functions: Terraform 1.8, OpenTofu 1.7
  required_providers {
    waldur = {
      source = "terraform.local/waldur/waldur"
    }
  }
}

provider "waldur" {}

variable "now" {
  description = "Time to count months from, such as 2026-11-23T12:00:00Z. Default: the time of the plan."
  type        = string
  default     = null
}

locals {
  now = var.now == null ? plantimestamp() : var.now
  months = {
    for name, offset in { this = 0, last = -1, before = -2, year_ago = -12 } :
    name => provider::waldur::billing_period(local.now, offset)
  }
}

data "waldur_component_usage_monthly" "months" {
  for_each       = local.months
  billing_period = each.value
  fields         = ["service_provider_name", "offering_uuid", "offering_name", "component_type", "component_name", "measured_unit", "total_consumed"]
  require_rows   = each.key == "last"
}

locals {
  # The components with a row in any of the months. The keys are UUID and type, because several
  # offerings can have the same name.
  rows = {
    for s in concat(values(data.waldur_component_usage_monthly.months)[*].summaries...) :
    "${s.offering_uuid}/${s.component_type}" => s...
  }
  consumed = {
    for name, month in data.waldur_component_usage_monthly.months :
    name => { for s in month.summaries : "${s.offering_uuid}/${s.component_type}" => s.total_consumed }
  }

  # The newest row names the component. A month without a row counts as 0.
  components = {
    for key, rows in local.rows : key => merge(
      { for name, amounts in local.consumed : name => lookup(amounts, key, 0) },
      {
        name = provider::waldur::label(rows[0].service_provider_name, rows[0].offering_name, rows[0].component_name)
        unit = provider::waldur::label(rows[0].measured_unit)
      },
    )
  }

  lines = {
    for key, c in local.components :
    format("%020.2f %s", coalesce(provider::waldur::percent(c.last, c.before), c.last > 0 ? pow(10, 12) : 0), key) => join(", ", [
      "${trimspace("${c.name}: ${c.last} ${c.unit}")} in ${local.months.last}",
      c.before > 0 ? "${provider::waldur::percent(c.last, c.before)} % of ${c.before} in ${local.months.before}" : "nothing in ${local.months.before}",
      "${c.this} in ${local.months.this} so far",
      c.year_ago > 0 ? "${provider::waldur::percent(c.this, c.year_ago)} % of ${c.year_ago} in ${local.months.year_ago}" : "nothing in ${local.months.year_ago}",
    ])
  }
}

output "growth" {
  value = reverse(values(local.lines))
}
