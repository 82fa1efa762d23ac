"""The pages where operators see and steer spend (spec section 18), served beside the gateway."""
