"""Where bytes are: S3-compatible stores through boto3, and a folder for those who have none."""
