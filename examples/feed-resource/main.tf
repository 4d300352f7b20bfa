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
  description = "Cores of one node."
  type        = number
  default     = 64
}

variable "notice_percent" {
  description = "Percentage of the allocation at which a component gets a notice."
  type        = number
  default     = 90
}

locals {
  # timestamp() is known only during apply, and would delay the reads until then.
  last_month = provider::waldur::billing_period(var.now == null ? plantimestamp() : var.now, -1)
}

data "waldur_component_usage_monthly" "cores" {
  billing_period = local.last_month
  component_type = "cores"

  lifecycle {
    postcondition {
      condition     = self.total_count > 0
      error_message = "Waldur has no usage of cores in ${local.last_month}."
    }
  }
}

data "waldur_component_usage_monthly" "nearly_full" {
  billing_period    = local.last_month
  min_usage_percent = var.notice_percent
}

locals {
  cores = sum(data.waldur_component_usage_monthly.cores.summaries[*].total_consumed)
}

# Enough nodes for last month's cores and a fifth more, but 2 to 20.
resource "terraform_data" "node_group" {
  input = {
    nodes = max(2, min(20, ceil(local.cores * 1.2 / var.cores_per_node)))
  }
}

# A notice for each component that was nearly full. The key is the same in every
# month, so a component that stays full keeps its notice.
resource "terraform_data" "notice" {
  for_each = { for s in data.waldur_component_usage_monthly.nearly_full.summaries : "${s.offering_uuid}/${s.component_type}" => s }

  input = {
    to      = each.value.service_provider_name
    subject = "${each.value.offering_name}: ${each.value.component_name} at ${each.value.usage_percent} %"
    # The allocation that would have kept the component under the threshold, rounded up.
    allocation_needed = ceil(each.value.total_consumed * 100 / var.notice_percent)
  }
}

output "nodes" {
  value = terraform_data.node_group.input.nodes
}

output "notices" {
  value = sort([for notice in terraform_data.notice : notice.input.subject])
}
