# Usage as the argument of other resources. Usage is read during plan, so it can
# decide how many there are (count, for_each) as well as what they are set to.
#
# The terraform_data resources stand for whatever you manage: a node group's size,
# a volume, a ticket. They see last month's usage, which is complete: this month's
# would change them with every plan.
#
# The provider reads WALDUR_API_URL and WALDUR_ACCESS_TOKEN.

terraform {
  required_version = ">= 1.7" # for functions of providers: Terraform 1.8, OpenTofu 1.7
  required_providers {
    waldur = {
      source = "terraform.local/waldur/waldur"
    }
  }
}

provider "waldur" {}

variable "now" {
  description = "Time to reckon from, as 2026-11-23T12:00:00Z. Default: the time of the plan."
  type        = string
  default     = null
}

variable "cores_per_node" {
  description = "Cores that one node offers."
  type        = number
  default     = 64
}

variable "warn_percent" {
  description = "Share of its allocation, in percent, above which a component gets a notice."
  type        = number
  default     = 90
}

data "waldur_component_usage_monthly" "last_month" {
  # Not timestamp(): that is known only during apply, and the read would wait for it.
  billing_period = provider::waldur::billing_period(var.now == null ? plantimestamp() : var.now, -1)
}

locals {
  usage = data.waldur_component_usage_monthly.last_month.summaries
  cores = sum(concat([0], [for s in local.usage : s.total_consumed if s.component_type == "cores"]))
  full  = [for s in local.usage : s if s.usage_percent == null ? false : s.usage_percent > var.warn_percent]
}

# As many nodes as last month's cores and a fifth more need, from 2 to 20.
resource "terraform_data" "node_group" {
  input = {
    nodes = max(2, min(20, ceil(local.cores * 1.2 / var.cores_per_node)))
  }
}

# A notice for each component that was nearly full. The key is the same in every
# month, so a component that stays full keeps its notice.
resource "terraform_data" "notice" {
  for_each = { for s in local.full : "${s.offering_uuid}/${s.component_type}" => s }

  input = {
    to      = each.value.service_provider_name
    subject = "${each.value.offering_name}: ${each.value.component_name} at ${each.value.usage_percent} %"
    # What would have kept the component under the threshold, rounded up.
    allocation_needed = ceil(each.value.total_consumed * 100 / var.warn_percent)
  }
}

output "nodes" {
  value = terraform_data.node_group.input.nodes
}

output "notices" {
  value = sort([for notice in terraform_data.notice : notice.input.subject])
}
