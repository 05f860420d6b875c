"""What happens to the service: killed, restarted, refused, left without its peers."""
