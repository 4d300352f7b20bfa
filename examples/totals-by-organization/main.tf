# Totals of a month by organization, component and unit, as CSV:
#
#   terraform apply
#   terraform output -raw csv > totals.csv
#
# The provider adds exactly. It never adds amounts of different units or limit
# periods, so a component can have several lines.
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
  description = "Month to add up, as YYYY-MM. Default: the latest month with rows."
  type        = string
  default     = "latest"
}

data "waldur_component_usage_monthly" "totals" {
  billing_period = var.billing_period
  group_by       = ["service_provider_uuid", "service_provider_name", "component_type", "billing_period"]
  order_by       = ["service_provider_name", "component_type"]
  require_rows   = true
}

locals {
  # Other users choose the names: replace what a terminal or a pipeline could run as a command.
  # A spreadsheet evaluates text that begins with = + - or @, unless an apostrophe is before it.
  lines = [
    for s in data.waldur_component_usage_monthly.totals.summaries : join(",", concat(
      [
        for text in [s.service_provider_name, s.component_type, s.measured_unit, s.limit_period] :
        "\"${replace(replace(replace(text == null ? "" : text, "/\\pC|::|##/", " "), "/^\\s*[=+@-]/", "'$0"), "\"", "\"\"")}\""
      ],
      [substr(s.billing_period, 0, 7), s.total_consumed, s.total_allocated],
    ))
  ]
}

output "csv" {
  description = "The totals as CSV, in UTF-8 and with decimal points."
  value       = join("\n", concat(["organization,component,unit,limit_period,month,consumed,allocated"], local.lines))
}
