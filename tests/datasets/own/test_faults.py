"""Each broken input ends in one line that names the file and the place."""

import json

import pytest

from core.errors import UserError

COCO = {
    "images": [{"id": 1, "file_name": "a.jpg"}],
    "annotations": [{"id": 1, "image_id": 1, "category_id": 1}],
    "categories": [{"id": 1, "name": "x"}],
}
RESULT = {"type": "choices", "from_name": "q", "value": {"choices": ["x"]}}
TASK = {"data": {"image": "a.jpg"}, "annotations": [{"result": [RESULT]}]}


def coco(**parts):
    return json.dumps({**COCO, **parts})


def studio(**parts):
    return json.dumps([{**TASK, **parts}])


def xml(body):
    return f"<annotations><meta><task><labels><label><name>x</name></label></labels></task></meta>{body}</annotations>"  # noqa: E501


# name of the file, its content, what the line must say
BROKEN = {
    "empty file": ("f.csv", "\n \n", "the file is empty"),
    "header alone": ("f.csv", "file_name,label\n", "a header and no rows"),
    "spreadsheet": ("f.csv", b"PK\x03\x04\x14\x00\x06", "a spreadsheet or archive"),
    "zeros": ("f.csv", b"file_name,label\na.jpg,\x00x\n", "the file is no text"),
    "no column of images": (
        "f.csv",
        "filenam,label\na,x\n",
        "line 1: no column names the images; columns: 'filenam', 'label'; .* mean 'filename'",
    ),
    "no column of labels": ("f.csv", "file_name\na.jpg\n", "line 1: no column holds labels"),
    "column twice": ("f.csv", "file_name,x,x\na.jpg,1,0\n", "line 1: column 'x' is given twice"),
    "long row": (
        "f.csv",
        "file_name,label\na.jpg,x\nb.jpg,x,y\n",
        "line 3: 3 columns; expected 2 as in the header .'b.jpg'.; put a cell that holds a comma",
    ),
    "short row": ("f.csv", "file_name,x,y\na.jpg,1\n", "line 2: 2 columns; expected 3"),
    "open quote": (
        "f.csv",
        'file_name,labels\na.jpg,"x\nb.jpg,y\nc.jpg,z\n',
        "line 2: not valid CSV: .*quote not closed",
    ),
    "text behind a quote": ("f.csv", 'file_name,label\na.jpg,"x"y\n', "line 2: not valid CSV"),
    "no image": ("f.csv", "file_name,label\na.jpg,x\n,x\n", "line 3: column 'file_name' is empty"),
    "year": (
        "f.csv",
        "file_name,joy,year\na.jpg,1,2019\n",
        "line 2: column 'year' is '2019'; .*DATASET.IGNORE",
    ),
    "caption": (
        "f.csv",
        "file_name,joy,caption\na.jpg,1,\nb.jpg,1,two cars\n",
        "line 3: column 'caption' is 'two cars'; .*DATASET.IGNORE",
    ),
    "number below -1": ("f.csv", "file_name,x\na.jpg,-2\n", "line 2: column 'x' is '-2'"),
    "number between -1 and 0": ("f.csv", "file_name,x\na.jpg,-0.5\n", "column 'x' is '-0.5'"),
    "infinite": ("f.csv", "file_name,x\na.jpg,inf\n", "line 2: column 'x' is 'inf'"),
    "minus one beside one": (
        "f.csv",
        "name,x,y\na.jpg,1,-1\nb.jpg,1,1\n",
        "line 2, column 'y': -1 may mean no or unknown .1 values are -1, 0 are 0, 3 are 1.; set "
        "DATASET.LABEL_VALUES to minus_one_is_no .* or minus_one_is_unknown",
    ),
    "empty column": (
        "f.csv",
        "name,x,notes\na.jpg,1,\nb.jpg,0,\n",
        "column 'notes' has no known value in any row; .*DATASET.IGNORE",
    ),
    "two label columns": (
        "f.csv",
        "file_name,label,tags\na.jpg,x,y\n",
        "line 1: columns 'label' and 'tags' may both hold the labels; .*DATASET.IGNORE",
    ),
    "label column beside a class": (
        "f.csv",
        "file_name,label,joy\na.jpg,x,1\n",
        "column 'label', but column 'joy' has values from -1 to 1",
    ),
    "comma in one label": (
        "f.csv",
        'file_name,label\na.jpg,"x, y"\n',
        "line 2: 'x, y' may be one label or several; set DATASET.LABEL_DELIMITER to none or comma",
    ),
    "words that are labels elsewhere": (
        "f.csv",
        "file_name,label\na.jpg,x\nb.jpg,y\nc.jpg,x y\n",
        "line 4: 'x y' may be one label or several; set .* to none or space",
    ),
    "broken list": (
        "f.csv",
        "file_name,labels\na.jpg,\"['x', \"\nb.jpg,\"['y' ,, 'x']\"\n",
        "line 3: column 'labels' is .*expected a list",
    ),
    "array of NumPy": (
        "f.csv",
        "file_name,labels\na.jpg,\"['x' 'y']\"\n",
        "line 2: column 'labels' is .*expected commas between the labels",
    ),
    "list of lists": (
        "f.csv",
        'file_name,labels\na.jpg,"[[1], [2]]"\n',
        r"line 2: column 'labels' holds '\[1\]'; expected names",
    ),
    "split": (
        "f.csv",
        "file_name,label,split\na.jpg,x,trian\n",
        "line 2: column 'split' is 'trian'; accepted: train, training, val",
    ),
    "validity": (
        "f.csv",
        "fname,labels,is_valid\na.jpg,x,maybe\n",
        "line 2: column 'is_valid' is 'maybe'; accepted: True, False",
    ),
    "image in two splits": (
        "f.csv",
        "file_name,label,split\na.jpg,x,train\na.jpg,x,test\n",
        "line 3: image 'a.jpg' is in test, but in train in .*: line 2",
    ),
    "rows that contradict": (
        "f.csv",
        "file_name,x,y\na.jpg,1,0\na.jpg,1,1\n",
        r"line 3: image 'a.jpg' has other labels than in line 2 \(column 'y'\)",
    ),
    "no label at all": ("f.csv", "file_name,label\na.jpg,\n", "no image has a label"),
    "list without image": ("f.txt", "a.jpg 0 1\nb 0 1\n", "line 2: 'b 0 1' names no image"),
    "list without classes": (
        "f.txt",
        "a.jpg 0 1\n",
        "line 1: 2 numbers per image without names of classes; .*classes.txt",
    ),
    "list of images alone": ("f.txt", "a.jpg\nb.jpg\n", "only an image and no labels"),
    "split of a list": (
        "f.csv",
        "TRAIN,gs://b/a.jpg,x\nTRIAN,gs://b/c.jpg,x\n",
        "line 2: 'TRIAN gs://b/c.jpg x' names no image",
    ),
    "JSON": ("f.json", '{"images": [,]}', "line 1, column 13: not valid JSON"),
    "JSON Lines": (
        "f.jsonl",
        '{"file_name": "a.jpg", "labels": ["x"]}\n{"file_name": \n',
        "line 2: not valid JSON",
    ),
    "JSON Lines without objects": (
        "f.jsonl",
        '{"file_name": "a.jpg", "labels": ["x"]}\n["b.jpg"]\n',
        "line 2: .* is no object",
    ),
    "JSON of numbers": ("f.json", "[1, 2]", "entry 1: '1' is no object"),
    "empty JSON": ("f.json", "[]", "an empty list"),
    "unknown JSON": ("f.json", '{"a": 1}', "no column names the images; columns: 'a'"),
    "deep JSON": ("f.json", "[" * 100_000, "not valid JSON"),
    "COCO without categories": (
        "f.json",
        '{"images": [], "annotations": []}',
        "no 'categories', which COCO JSON has",
    ),
    "COCO without images": ("f.json", coco(images=[], annotations=[]), "no images"),
    "COCO image": (
        "f.json",
        coco(annotations=[{"image_id": 2, "category_id": 1}]),
        r"annotations\[0\]: image_id '2' is not in 'images'",
    ),
    "COCO category": (
        "f.json",
        coco(annotations=[{"image_id": 1, "category_id": 5}]),
        r"annotations\[0\]: category_id '5' is not in 'categories'",
    ),
    "list as an image": (
        "f.jsonl",
        '{"file_name": ["a.jpg"], "labels": ["x"]}\n',
        r"line 1: column 'file_name' is '\['a.jpg'\]'; expected the name of an image",
    ),
    "decimal comma in a table of commas": (
        "f.csv",
        'file_name,joy\na.jpg,"0,7"\n',
        "line 2: column 'joy' is '0,7'; a class has 1, 0",
    ),
    "number with two commas": (
        "f.csv",
        "file_name;joy\na.jpg;0,7,1\n",
        "line 2: column 'joy' is '0,7,1'",
    ),
    "another delimiter of Excel": (
        "f.csv",
        "sep=|\nfile_name|joy\na.jpg|1\n",
        r"line 1: the delimiter is '\|'; accepted: tab, comma, semicolon",
    ),
    "row behind the delimiter of Excel": (
        "f.csv",
        "sep=;\nfile_name;joy\na.jpg;1\nb.jpg;7\n",
        "line 4: column 'joy' is '7'",
    ),
    "COCO name as a list": (
        "f.json",
        coco(categories=[{"id": 1, "name": ["x"], "supercategory": ["y"]}]),
        r"categories\[0\]: 'name' is .*expected a number or text",
    ),
    "number of 400 digits": (
        "f.jsonl",
        '{"file_name": "a.jpg", "joy": ' + "9" * 400 + "}\n",
        "line 1: column 'joy' is '999",
    ),
    "number of 5000 digits": (
        "f.jsonl",
        '{"file_name": "a.jpg", "joy": ' + "9" * 5000 + "}\n",
        "not valid JSON: a number has thousands of digits",
    ),
    "second number of 5000 digits": (
        "f.jsonl",
        '{"file_name": "a.jpg", "joy": 1}\n{"file_name": "b.jpg", "joy": ' + "9" * 5000 + "}\n",
        "line 2: not valid JSON: a number has thousands of digits",
    ),
    "index of 5000 digits": (
        "f.json",
        '{"classes": ["x"], "labels": {"a": "' + "9" * 5000 + '"}}',
        "class index is '999.*accepted: 0 to 0",
    ),
    "COCO file name": ("f.json", coco(images=[{"id": 1}]), r"images\[0\]: no 'file_name'"),
    "COCO id twice": (
        "f.json",
        coco(categories=[{"id": 1, "name": "x"}, {"id": 1, "name": "y"}]),
        r"categories\[1\]: id '1' is given twice",
    ),
    "COCO part": ("f.json", coco(images={}), "'images': .* is no list"),
    "FiftyOne index": (
        "f.json",
        '{"classes": ["x"], "labels": {"a": 1}}',
        r"labels\['a'\]: class index is '1'; accepted: 0 to 0",
    ),
    "FiftyOne classes": ("f.json", '{"classes": "x", "labels": {}}', "'classes': expected a list"),
    "FiftyOne labels": ("f.json", '{"classes": ["x"], "labels": []}', "'labels': expected an obj"),
    "Label Studio without result": (
        "f.json",
        studio(annotations=[3]),
        "task 1: an annotation has no list 'result'",
    ),
    "Label Studio without image": (
        "f.json",
        studio(data={"x": 1}),
        "task 1: 'data' names no image; keys: 'x'",
    ),
    "Label Studio with two fields": (
        "f.json",
        studio(annotations=[{"result": [RESULT, {**RESULT, "from_name": "w"}]}]),
        "labels of several fields: 'q' and 'w'; .*DATASET.IGNORE",
    ),
    "Label Studio without choices": (
        "f.json",
        studio(annotations=[{"result": [{"type": "rating", "value": {"rating": 3}}]}]),
        "no task has choices or labels",
    ),
    "Label Studio without annotations": ("f.json", studio(annotations=[]), "no task has an annot"),
    "Label Studio with a broken choice": (
        "f.json",
        studio(annotations=[{"result": [{**RESULT, "value": {"choices": [["x", "y"]]}}]}]),
        "task 1, annotation 1: 'value.choices' holds",
    ),
    "XML": ("f.xml", "<annotations><image></annotations>", "line 1: not valid XML"),
    "XML of another tool": ("f.xml", "<annotation/>", "the outer element is <annotation>"),
    "XML with entities": (
        "f.xml",
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotations/>',
        "defines entities or a document type",
    ),
    "CVAT label": (
        "f.xml",
        xml('<image name="a.jpg"><tag label="y"/></image>'),
        "image 'a.jpg': label 'y' is not in the labels of <meta>",
    ),
    "CVAT without label": (
        "f.xml",
        xml('<image name="a.jpg"><box/></image>'),
        "image 'a.jpg': <box> has no attribute 'label'",
    ),
    "CVAT without name": ("f.xml", xml("<image/>"), "image 1: no attribute 'name'"),
    "CVAT of a video": ("f.xml", xml('<track id="0"/>'), "<track> of a video"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_ends_in_one_line(write, load, case):
    name, content, message = BROKEN[case]
    path = write(name, content)
    with pytest.raises(UserError, match=message) as caught:
        load(FILE=name)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


# keys, what the line must say; the folder has good.csv with the classes x and y
WRONG_KEYS = {
    "no file": ({}, r"DATASET.FILE is empty: set it to the label file below .*; files there: good"),
    "missing file": ({"FILE": "god.csv"}, r"DATASET.FILE: .*god.csv is missing.*mean 'good.csv'"),
    "missing split": (
        {"TRAIN_FILE": "good.csv", "VAL_FILE": "v.csv"},
        "DATASET.VAL_FILE: .*v.csv is missing",
    ),
    "no train": ({"TEST_FILE": "good.csv"}, "DATASET.TRAIN_FILE is empty"),
    "both forms": (
        {"FILE": "good.csv", "TEST_FILE": "good.csv"},
        "DATASET.FILE and DATASET.TEST_FILE are both set",
    ),
    "folder without exports": (
        {"FILE": "empty"},
        "DATASET.FILE: .*empty is a folder without exports of CVAT; .*ann.xml or ann/annotations",
    ),
    "folder of splits": (
        {"FILE": "splits"},
        "DATASET.FILE: .*test.xml has the name of a split, .*DATASET.TRAIN_FILE",
    ),
    "ignored column": (
        {"FILE": "good.csv", "IGNORE": ("tag",)},
        "DATASET.IGNORE: no label file has a column 'tag'. Did you mean 'tags'",
    ),
    "class of the list": (
        {"FILE": "good.csv", "CLASSES": ("x", "yy")},
        "good.csv: line 3, column 'tags': class is 'y'; accepted: x, yy. Did you mean 'yy'",
    ),
    "class twice": ({"FILE": "good.csv", "CLASSES": ("x", "x")}, "class 'x' is given twice"),
    "missing classes": ({"FILE": "good.csv", "CLASSES": ("c.txt",)}, "cannot read .*c.txt"),
    "several labels": (
        {"FILE": "good.csv", "KIND": "single_label"},
        "line 3: image 'b.jpg' has the labels 'x', 'y', .*; DATASET.KIND single_label",
    ),
    "unused fold": ({"FILE": "good.csv", "FOLD": 2}, "DATASET.FOLD is 2, .*DATASET.USE_FOLDS"),
    "few images for folds": ({"FILE": "good.csv", "USE_FOLDS": True}, "2 images cannot be divided"),
    "missing root": ({"ROOT": "/no/such/place"}, "DATASET.ROOT .* does not exist"),
}


@pytest.mark.parametrize("case", WRONG_KEYS)
def test_a_wrong_key_ends_in_one_line(write, load, case):
    write("good.csv", "file_name,tags\na.jpg,x\nb.jpg,x;y\n")
    write("empty/readme.md", "x")
    write("splits/test.xml", xml('<image name="a.jpg"/>'))
    keys, message = WRONG_KEYS[case]
    with pytest.raises(UserError, match=message) as caught:
        load(**keys)
    assert "\n" not in str(caught.value)


def test_missing_images_are_counted_and_named(write, load, draw):
    write("f.csv", "file_name,tags\n" + "".join(f"{i}.jpg,x\n" for i in range(8)))
    draw("0.jpg")
    message = "7 of 8 images are missing: 1.jpg, .* 5.jpg and 2 more; looked in .*DATASET.IMAGES"
    with pytest.raises(UserError, match=message):
        load(FILE="f.csv", images=True)


def test_two_images_that_differ_in_the_suffix_ask_for_it(write, load, draw):
    write("f.csv", "file_name,tags\na,x\n")
    draw("a.jpg", "a.png")
    with pytest.raises(UserError, match=r"several images .*a.jpg, a.png; set DATASET.SUFFIX"):
        load(FILE="f.csv", images=True)
    assert load(FILE="f.csv", SUFFIX=".png", images=True).train_x[0].impath.endswith("a.png")


def test_two_names_of_one_file_are_an_error(write, load, draw):
    write("f.csv", "file_name,tags\ngs://one/a.jpg,x\ngs://two/p/a.jpg,y\n")
    draw("a.jpg")
    with pytest.raises(UserError, match=r"line 3: .* is the same file as .*line 2"):
        load(FILE="f.csv", images=True)


def test_an_image_in_the_files_of_two_splits_is_an_error(write, load):
    write("a.csv", "file_name,tags\na.jpg,x\n")
    write("b.csv", "file_name,tags\nb.jpg,x\na.jpg,y\n")
    with pytest.raises(UserError, match=r"b.csv: line 3: image 'a.jpg' is in test, but in train"):
        load(TRAIN_FILE="a.csv", TEST_FILE="b.csv")


def test_files_with_other_classes_are_an_error(write, load):
    write("a.csv", "file_name,joy,calm\na.jpg,1,0\n")
    write("b.csv", "file_name,joy,clam\nb.jpg,1,0\n")
    with pytest.raises(UserError, match=r"b.csv: line 1: no column 'calm', .*mean 'clam'"):
        load(TRAIN_FILE="a.csv", TEST_FILE="b.csv")


def test_a_file_in_two_folders_of_one_split_is_an_error(write, load):
    for folder in ("val", "valid", "train"):
        write(f"{folder}/_classes.csv", "filename,x\na.jpg,1\n")
    with pytest.raises(UserError, match="two label files of split val"):
        load()
