resource "kairos_stack" "produccion" {
  name                = "Produccion"
  notification_emails = ["guardia@example.com", "operaciones@example.com"]

  # Its roles, and those of its processes, on a path of their own, under the account's boundary.
  role_path                = "/kairos/"
  permissions_boundary_arn = "arn:aws:iam::123456789012:policy/limite"

  # Tables, queues, topic, logs and environments are encrypted with a key of yours.
  kms_key_arn = "arn:aws:kms:sa-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"

  executor = {
    role_prefix = "kairos/proceso-"
    external_id = "kairos-produccion"

    # At most 40 invocations at once, with instances that no other function can take.
    maximum_concurrency  = 40
    reserved_concurrency = 40
  }

  dispatcher = { memory_size = 512 }

  log_retention_days     = 90
  history_retention_days = 365

  tags = { criticidad = "alta" }

  timeouts = {
    create = "45m"
    delete = "1h"
  }
}
