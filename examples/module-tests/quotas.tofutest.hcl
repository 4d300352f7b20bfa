# OpenTofu runs this file in place of quotas.tftest.hcl. It needs all 17 columns in each row.
mock_provider "waldur" {}

run "a_component_is_nearly_full" {
  command = plan

  override_data {
    target = data.waldur_component_usage_monthly.nearly_full
    values = {
      total_count = 14
      summaries = [{
        offering_uuid         = null, offering_name = "Compute", offering_type = null, service_provider_uuid = null,
        service_provider_name = null, category_uuid = null, category_title = null, component_type = null,
        component_name        = "RAM", measured_unit = null, billing_type = null, limit_amount = null,
        limit_period          = null, billing_period = null, total_consumed = null, total_allocated = null, usage_percent = 100
      }]
    }
  }

  expect_failures = [check.quota]
}

run "there_are_no_rows" {
  command = plan

  override_data {
    target = data.waldur_component_usage_monthly.nearly_full
    values = { total_count = 0, summaries = [] }
  }

  expect_failures = [output.nearly_full]
}
