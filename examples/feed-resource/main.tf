# Usage as the argument of other resources. Terraform reads usage during plan, so
# it can decide how many resources there are (count, for_each).
#
# The terraform_data resources stand for what you manage, such as the size of a
# node group, or a ticket. They use last month's usage, because this month's would
# change them with every plan. Last month's usage no longer changes. It can lack the
# last day of the month and later corrections.
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

variable "cores_per_node" {
  description = "Cores of one node, a whole number."
  type        = number
  default     = 64
}

variable "notice_percent" {
  description = "Percentage of the limit at which a component gets a notice."
  type        = number
  default     = 90
}

locals {
  # timestamp() is known only during apply, and would delay the reads until then.
  last_month = provider::waldur::billing_period(var.now == null ? plantimestamp() : var.now, -1)
}

# The exact sum over all offerings: one row for each unit and limit period of cores.
data "waldur_component_usage_monthly" "cores" {
  billing_period = local.last_month
  component_type = "cores"
  group_by       = ["component_type"]
  require_rows   = true
}

data "waldur_component_usage_monthly" "nearly_full" {
  billing_period    = local.last_month
  usage_period      = "limit_period"
  min_usage_percent = var.notice_percent
}

locals {
  cores = provider::waldur::sum(data.waldur_component_usage_monthly.cores.summaries[*].total_consumed) # exact
}

# Enough nodes for last month's cores and a fifth more, but 2 to 20. The factor is
# 6/5 and not 1.2, which is not exact in binary: ceil(800 * 1.2 / 64) is 16, not 15.
resource "terraform_data" "node_group" {
  input = {
    nodes = max(2, min(20, ceil(local.cores * 6 / (5 * var.cores_per_node))))
  }
}

# A notice for each component that was nearly full. The key is the same in every
# month, so a component that stays full keeps its notice.
resource "terraform_data" "notice" {
  for_each = { for s in data.waldur_component_usage_monthly.nearly_full.summaries : "${s.offering_uuid}/${s.component_type}" => s }

  input = {
    to      = coalesce(provider::waldur::label(each.value.service_provider_name), "staff")
    subject = "${provider::waldur::label(each.value.offering_name, each.value.component_name)}: ${each.value.usage_percent} %"
  }
}

output "nodes" {
  value = terraform_data.node_group.input.nodes
}

output "notices" {
  value = sort([for notice in terraform_data.notice : notice.input.subject])
}
