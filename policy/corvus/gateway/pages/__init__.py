"""The pages where operators see and steer spend (DSH-1), served beside the gateway."""
