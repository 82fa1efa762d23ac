"""Amazon Bedrock's wire: binary event streams, Converse, and models that are invoked directly."""
