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
  required_version = ">= 1.7" # provider functions: Terraform 1.8, OpenTofu 1.7
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

locals {
  columns = ["billing_period", "service_provider_uuid", "service_provider_name", "component_type"]
}

data "waldur_component_usage_monthly" "totals" {
  billing_period = var.billing_period
  group_by       = local.columns
  order_by       = ["service_provider_name", "component_type"]
  require_rows   = true
}

locals {
  # Other users choose the names: label makes them safe to print. An apostrophe keeps a spreadsheet
  # from evaluating a text, or what follows a separator in it, as a formula.
  texts   = concat(local.columns, ["measured_unit", "limit_period"])
  numbers = ["total_consumed", "total_allocated"]
  lines = [
    for s in data.waldur_component_usage_monthly.totals.summaries : join(",", concat(
      [
        for text in [for column in local.texts : column == "billing_period" ? substr(s[column], 0, 7) : s[column]] :
        "\"${replace(replace(provider::waldur::label(text), "/(^|[,;|\"'])(\\s*[=+@＝＋＠－-])/", "$1'$2"), "\"", "\"\"")}\""
      ],
      [for column in local.numbers : format("%.2f", s[column])],
    ))
  ]
}

output "csv" {
  description = "The totals as CSV, in UTF-8 and with decimal points."
  value       = join("\n", concat([join(",", concat(local.texts, local.numbers))], local.lines, [""]))
}
