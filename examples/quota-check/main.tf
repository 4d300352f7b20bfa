# Judges this month's usage against what is allocated:
#
#   - no rows at all, or fewer than expected: the plan stops (a postcondition)
#   - a component over warn_percent: the plan warns (a check block)
#   - a component over stop_percent: the plan stops (a precondition)
#
# The provider reads WALDUR_API_URL and WALDUR_ACCESS_TOKEN.

terraform {
  required_version = ">= 1.5" # OpenTofu: 1.7
  required_providers {
    waldur = {
      source = "terraform.local/waldur/waldur"
    }
  }
}

provider "waldur" {}

variable "billing_period" {
  description = "Month to judge, as YYYY-MM. Default: the current one, in UTC."
  type        = string
  default     = null
}

variable "offering_uuid" {
  description = "Offering to judge. Default: all that the token's user may see."
  type        = string
  default     = null
}

variable "warn_percent" {
  description = "Share of its allocation, in percent, above which a component gives a warning."
  type        = number
  default     = 80
}

variable "stop_percent" {
  description = "Share of its allocation, in percent, above which a component stops the plan. Default: none."
  type        = number
  default     = null
}

variable "minimum_rows" {
  description = "Fewest rows to expect. An empty list has nothing over quota, and would pass every check."
  type        = number
  default     = 1
}

data "waldur_component_usage_monthly" "this_month" {
  billing_period = var.billing_period
  offering_uuid  = var.offering_uuid
  order_by       = ["-usage_percent"]

  lifecycle {
    postcondition {
      condition     = length(self.summaries) >= var.minimum_rows
      error_message = "Waldur has ${length(self.summaries)} rows of usage for the month, and at least ${var.minimum_rows} are expected. May the token's user see the offerings?"
    }
  }
}

locals {
  usage = data.waldur_component_usage_monthly.this_month.summaries

  # Without an allocation there is no percentage: usage_percent is null, and
  # comparing null is an error. Such components are listed on their own below.
  allocated = [for s in local.usage : s if s.usage_percent != null]

  over_quota = [
    for s in local.allocated :
    "${s.offering_name}, ${s.component_name}: ${s.usage_percent} % (${s.total_consumed} of ${trimspace("${s.total_allocated} ${s.measured_unit}")})"
    if s.usage_percent > var.warn_percent
  ]
  over_limit = var.stop_percent == null ? [] : [
    for s in local.allocated :
    "${s.offering_name}, ${s.component_name}: ${s.usage_percent} %"
    if s.usage_percent > var.stop_percent
  ]
  unallocated = [
    for s in local.usage :
    trimspace("${s.offering_name}, ${s.component_name}: ${s.total_consumed} ${s.measured_unit}")
    if s.usage_percent == null && s.total_consumed > 0
  ]

  # The rows of all offerings by component and unit, for the totals.
  by_component = { for s in local.usage : "${s.component_name} ${s.measured_unit}" => s... }
}

check "quota" {
  assert {
    condition     = length(local.over_quota) == 0
    error_message = <<-EOT
      Over ${var.warn_percent} % of the allocation:
      ${join("\n", local.over_quota)}
    EOT
  }
}

output "over_quota" {
  description = "Components over warn_percent, the fullest first."
  value       = local.over_quota

  precondition {
    condition     = length(local.over_limit) == 0
    error_message = <<-EOT
      Over ${coalesce(var.stop_percent, 0)} % of the allocation, where this plan may not go on:
      ${join("\n", local.over_limit)}
    EOT
  }
}

output "unallocated" {
  description = "Components that were used though nothing is allocated."
  value       = local.unallocated
}

# Sums are rounded: Terraform counts in binary, in which 0.1 has no end, and would
# show the last bit as a digit far behind the point.
output "totals" {
  description = "What was consumed and allocated of each component, over all offerings."
  value = [
    for rows in values(local.by_component) : trimspace(format("%s: %.2f of %.2f %s",
      rows[0].component_name,
      sum(rows[*].total_consumed),
      sum(rows[*].total_allocated),
      rows[0].measured_unit,
    ))
  ]
}
