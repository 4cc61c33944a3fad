def run_file(lab, path, args):
    raise NotImplementedError
