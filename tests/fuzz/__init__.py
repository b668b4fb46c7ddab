"""What must hold whatever bytes are given: targets for a fuzzer (`scripts/fuzz`), and a short run of each as tests."""
