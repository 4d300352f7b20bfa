# What you can filter by: organizations, offerings, their UUIDs, and component types; with units and
# limit periods.
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
  description = "Month to read, as YYYY-MM. Default: the latest month with rows."
  type        = string
  default     = "latest"
}

data "waldur_component_usage_monthly" "rows" {
  billing_period = var.billing_period
  require_rows   = true
}

locals {
  organizations = {
    for s in data.waldur_component_usage_monthly.rows.summaries :
    provider::waldur::label(s.service_provider_name, "customer_uuid ${coalesce(s.service_provider_uuid, "none")}") => s...
  }
}

output "components" {
  value = {
    for organization, rows in local.organizations : organization => {
      for s in rows :
      provider::waldur::label(s.offering_name, s.offering_type, "offering_uuid ${s.offering_uuid}") =>
      provider::waldur::label("${s.component_type} = ${s.component_name}", s.measured_unit, s.limit_period)...
    }
  }
}
