# Aurora PostgreSQL, serverless: between two statements it pauses, and costs its storage alone. The Data API is asked over
# HTTPS, so nothing has to reach the cluster over the network.

resource "aws_rds_cluster" "base" {
  cluster_identifier   = "${lower(var.name)}-base"
  engine               = "aurora-postgresql"
  engine_version       = var.version_base
  database_name        = var.base
  enable_http_endpoint = true
  storage_encrypted    = true
  db_subnet_group_name = var.db_subnet_group_name

  # The password is made and kept by RDS, in a secret.
  master_username             = "kairos"
  manage_master_user_password = true

  serverlessv2_scaling_configuration {
    min_capacity = 0
    max_capacity = 1
  }

  deletion_protection       = var.deletion_protection
  skip_final_snapshot       = !var.deletion_protection
  final_snapshot_identifier = var.deletion_protection ? "${lower(var.name)}-base-final" : null
}

resource "aws_rds_cluster_instance" "base" {
  cluster_identifier = aws_rds_cluster.base.id
  identifier         = "${lower(var.name)}-base-1"
  engine             = aws_rds_cluster.base.engine
  engine_version     = aws_rds_cluster.base.engine_version
  instance_class     = "db.serverless"
}
