# Needs no Waldur server, no url and no token.
mock_provider "waldur" {}

run "components_are_nearly_full" {
  command = plan

  override_data {
    target = data.waldur_component_usage_monthly.nearly_full
    values = {
      total_count = 14
      summaries = [
        { offering_name = "Compute", component_name = "RAM", usage_percent = 99.99 },
        { offering_name = "Compute", component_name = "a\n::name", usage_percent = 80 },
      ]
    }
  }

  expect_failures = [check.quota]

  assert {
    condition     = output.nearly_full == ["Compute, RAM: 99.99 %", "Compute, a  name: 80 %"]
    error_message = "The output must list both components, each on one line."
  }
}

run "nothing_is_nearly_full" {
  command = plan

  override_data {
    target = data.waldur_component_usage_monthly.nearly_full
    values = { total_count = 14, summaries = [] }
  }
}

run "there_are_no_rows" {
  command = plan

  override_data {
    target = data.waldur_component_usage_monthly.nearly_full
    values = { total_count = 0, summaries = [] }
  }

  expect_failures = [output.nearly_full]
}
