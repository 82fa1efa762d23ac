"""The pages where operators see and steer spend (DSH-1), served by the gateway."""
